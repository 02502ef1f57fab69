"""The scripted module "Lymph Node Segmentation": metadata and entry points; the rest is LymphNodeSegLib."""

import slicer
from LymphNodeSegLib import NOTICE
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class LymphNodeSeg(ScriptedLoadableModule):
    """What Slicer knows of the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Lymph Node Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "Volumes", "Tables", "SubjectHierarchy"]
        self.parent.contributors = ["LymphNodeSeg developers"]
        self.parent.helpText = _(
            "Finds lymph nodes in pelvic MRI from a T2-weighted and a diffusion-weighted volume, and "
            "measures their short axis and volume. Choose the two volumes and press Apply; correct the "
            "result in Segment Editor. {notice}"
        ).format(notice=NOTICE)
        self.parent.acknowledgementText = _(
            "The network follows ERU-Net, and short axes follow RECIST 1.1; the project's README names the "
            "papers. {notice}"
        ).format(notice=NOTICE)
        slicer.app.connect("startupCompleted()", registerWithOtherModules)


def registerWithOtherModules():
    """What Sample Data and Segment Statistics show of ours, once all modules are there."""
    from LymphNodeSegLib.panel import sample_data, segment_statistics

    sample_data.register()
    segment_statistics.register()


class LymphNodeSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Hands the module's life cycle to the panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None

    def setup(self):
        from LymphNodeSegLib.panel.widget import Panel

        ScriptedLoadableModuleWidget.setup(self)
        ui_widget = self.loadUI("LymphNodeSeg.ui")
        self.layout.addWidget(ui_widget)
        ui_widget.setMRMLScene(slicer.mrmlScene)
        self.logic = LymphNodeSegLogic()
        self.panel = Panel(
            slicer.util.childWidgetVariables(ui_widget), self.logic.getParameterNode, self.loadUI
        )
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndChange)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndChange)
        self.panel.open()

    def loadUI(self, name):
        return slicer.util.loadUI(self.resourcePath("UI/" + name))

    def cleanup(self):
        from LymphNodeSegLib.panel.export_process import ExportProcess

        self.removeObservers()
        if self.panel is not None:
            self.panel.forget()
        ExportProcess.cancel_all()

    def enter(self):
        self.panel.open()

    def exit(self):
        self.panel.close()

    def onSceneStartClose(self, caller, event):
        self.panel.forget()

    def onSceneEndChange(self, caller, event):
        self.panel.close()
        if self.parent.isEntered:
            self.panel.open()


class LymphNodeSegLogic(ScriptedLoadableModuleLogic):
    """Gives the parameter node; the computation is `LymphNodeSegLib.pipeline`, in a process of its own."""

    def getParameterNode(self):
        from LymphNodeSegLib.panel.parameter_node import LymphNodeSegParameterNode

        return LymphNodeSegParameterNode(super().getParameterNode())
