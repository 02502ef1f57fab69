"""Reading DICOM and files; which series is T2, DWI, ADC; geometry.

From a study to images, in this order: `sources` (which files), `scan` and `reader` (their headers as
slices: `headers`, `b_values`, `enhanced`, `mosaic`, `csa`), `series` (slices to series: `roles`, `stack`),
`choose` (which of them: `ranking`), `volume` (voxels: `pixels`, `adc_units`), `study` (the whole road).
`files` reads one image that the user named, `checks` tells whether images can be used, `writing` writes them.
"""
