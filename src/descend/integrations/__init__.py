"""Callbacks that watch the training loops of other libraries; none is imported before it is asked.

Each module holds one `WatchCallback`, which takes the options of `descend.watch`.
"""
