"""The DenseNet explorer: a Gradio app over the `densenet` library."""

import os

# Read by gradio and huggingface_hub when they are imported: the app speaks to no other host unless the visitor asks for weights.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
