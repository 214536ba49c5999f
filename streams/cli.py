"""The command line: one file for each command in `streams/commands/`, loaded when it is asked for."""

from importlib import import_module

import click

COMMANDS = {
    "demo": "the main job in a minute: a shop, a broker, Triton, a worker, and what comes out",
    "worker": "run the agents: what is deployed",
    "broker": "start a broker for development",
    "triton": "start a Triton server for development",
    "simulate": "write a simulated shop's events to a file",
    "produce": "send recorded events to Kafka",
    "replay": "run a recorded log through the live decision path, without a broker",
    "compare": "replay a log by two policies or models, and tell who gets what, and why",
    "estimate": "what another policy would have earned, from a recorded log",
    "watch": "print interventions as they come",
    "topics": "create, check and describe the topics",
    "examples": "make labelled examples from a log, and tell what the log is worth",
    "pretrain": "pre-train a transformer from an unlabelled log",
    "synthesise": "make up examples like those of a log, to train on",
    "train": "train a model from a log",
    "tune": "train a model by many settings, and tell which were best on validation",
    "evaluate": "judge a model, beside what any model must beat: one page, figures, intervals",
    "explain": "why a model gives a shopper this score: what each event did to it",
    "compress": "make a smaller and faster model of a trained one, if it stays as good",
    "export": "export a trained model to a Triton repository",
    "bench": "measure speed beside other systems, and models beside published figures",
    "chaos": "break everything under two shops on a real Kafka, and judge what comes out",
    "settings": "print what can be set, and what is",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"streams.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands)
def main() -> None:
    """Kairos: a shop's events in, the right intervention out, at the right moment."""
