"""The module's Qt panel; the only place that imports qt, ctk or slicer.util's GUI."""
