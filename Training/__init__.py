"""Train, evaluate and export LymphNodeSeg's networks; not part of the installed package."""
