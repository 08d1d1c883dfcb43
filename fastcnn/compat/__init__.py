"""Stand-ins for other libraries: their spellings, fastcnn behind. On request: `from fastcnn.compat import keras`."""
