"""Table, report, RTSTRUCT, DICOM SEG and SR."""
