"""The DenseNet explorer: a Gradio app over the `densenet` library."""

import os

# Read by gradio and huggingface_hub when they are imported: the app speaks to no other host unless the visitor asks for weights.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler writes its state to stderr, as if it were errors; before torch
