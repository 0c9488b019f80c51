"""Single faults put into sound recipes and examples, each known by cause and layer."""

from . import examples, heads, steps, weights

MUTATIONS = {
    **heads.MUTATIONS,
    **weights.MUTATIONS,
    **steps.MUTATIONS,
    **examples.MUTATIONS,
}
