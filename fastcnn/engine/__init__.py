"""Networks as programs: values, ops, phases and where arrays lie. It knows no layers: those give it nodes."""
