"""LymphNodeSeg: pelvic lymph nodes from T2- and diffusion-weighted MRI.

Research use only; not a medical device.

The road of the data is the order of the packages, and nothing imports against it::

    images -> registration -> network -> nodes -> outputs -> scene -> panel
"""

__version__ = "0.1.0"

NOTICE = "Research use only. Not a medical device."
"""Every file, page and message that shows a result says this."""
