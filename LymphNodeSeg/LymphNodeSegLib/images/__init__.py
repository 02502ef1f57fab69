"""Reading DICOM and files; which series is T2, DWI, ADC; geometry."""
