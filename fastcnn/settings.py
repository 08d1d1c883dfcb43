"""What `fastcnn.set_config` has chosen."""

exact = False  # convolutions by sums of products only, never by Winograd's algorithm
