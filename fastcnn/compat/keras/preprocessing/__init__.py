"""keras.preprocessing: images."""
