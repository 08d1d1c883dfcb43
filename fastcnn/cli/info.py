"""`fastcnn info`."""


def add(commands):
    """The command's place in the parser."""
    commands.add_parser("info", help="what this build of fastcnn runs on").set_defaults(run=run)


def run(options):
    """Prints it."""
    import fastcnn

    fastcnn.show_config()
    return 0
