"""The command that holds settings against damage: forensics audit."""

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress, question, remark_on_inputs
from pipeline.cli.output import console, text_sink


def audit(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output_format: opt.FindingFormat = "table",
    output: opt.Output = None,
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Hold the settings against the damage: which of them make errors, and what to set instead.

    \b
    Examples:
      forensics audit --since 7d
      forensics audit --logs ./alb-logs --timeline ./dumps --format sarif --output audit.sarif
    """
    from pipeline.report import audit as findings
    from pipeline.usecases.audit import as_sarif
    from pipeline.usecases.audit import audit as audit_settings
    from pipeline.usecases.incident import investigate

    settings = config.load(store=store)
    asked = question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(asked, settings, progress(quiet=quiet)) as incident:
        remark_on_inputs(incident)
        found = audit_settings(incident)
        if output_format == "table" and output is None:
            findings.render(found, console())
            return
        with text_sink(output) as text:
            if output_format == "table":
                findings.render(found, console(text))
            else:
                text.write(findings.as_json(found) if output_format == "json" else as_sarif(found))
                text.write("\n")
