"""Registration of DWI to T2 beside elastix, ANTs and doing nothing."""
