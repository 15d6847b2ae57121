"""YAML of flexcv 24, now in `flexcv.model_files`."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.yaml_parser")
