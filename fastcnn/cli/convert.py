"""`fastcnn convert`: a model's file in another format."""

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure


def add(commands):
    """The command's place in the parser."""
    convert = commands.add_parser(
        "convert", help="write a model in another format",
        description="Read a model of any format, as the file's content says, and write it in the format that OUT's ending "
                    "says; docs/interchange.md says what each format carries. Prints what became of what, and what is lost.")
    convert.add_argument("model", metavar="IN", help=f"{common.MODEL}; or {common.SHIPPED}")
    convert.add_argument("output", metavar="OUT", help="the file to write: .safetensors is fastcnn's own format")
    convert.add_argument("--opset", type=common.positive, metavar="N", help=".onnx: version of the operators (13)")
    convert.add_argument("--input-layout", choices=["NCHW", "NHWC"], help=".onnx: how images come in (NCHW)")
    convert.add_argument("--logits", action="store_true", default=None, help=".onnx: without the softmax at the end")
    convert.add_argument("--preparation", action="store_true", default=None,
                         help=".onnx: with the preparation of images at the beginning, so that bytes come in")
    common.add_overwrite(convert)
    convert.set_defaults(run=run)


def run(options):
    """Writes the file."""
    from fastcnn.io import formats

    given = {name: getattr(options, name) for name in ("opset", "input_layout", "logits", "preparation")
             if getattr(options, name) is not None}
    writer = formats.writer(options.output)
    common.check_writable(options.output, options.overwrite)
    model = common.named(options.model)
    for note in model.notes:
        print(note)
    if writer is None and given:
        raise Failure(f"--{', --'.join(name.replace('_', '-') for name in given)}: fastcnn's own format has no such choice. "
                      f"Received: {options.output}")
    lost = model.save(options.output) if writer is None else model.export(options.output, **given)
    for note in lost or ():
        print(f"lost: {note}")
    print(f"Saved to {options.output}: {model!r}")
    return 0
