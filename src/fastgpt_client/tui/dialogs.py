"""Dialogs: what the app asks back, and what the user is asked for."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label, OptionList, Select, SelectionList, Static, Switch, TextArea
from textual.widgets.option_list import Option

from .. import _json
from ..errors import ArgumentError
from ..events import FormField, Interactive
from ..forms import hint, read_field, takes_any_text


class Dialog(ModalScreen[Any]):
    """A box above everything else. Escape leaves it, which answers None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]
    KEYS = "Esc leaves"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = self.KEYS
            yield Label(self._title, classes="title", markup=False)
            yield from self.content()

    def content(self) -> ComposeResult:
        raise NotImplementedError

    def action_leave(self) -> None:
        self.dismiss(None)


class ChoiceDialog(Dialog):
    """One of several options; answers its value."""

    KEYS = "Enter chooses, Esc leaves"

    def __init__(self, asked: Interactive) -> None:
        super().__init__(asked.description or "The app asks")
        self._values = [option.value for option in asked.options]
        self._any_text = takes_any_text(asked)

    def content(self) -> ComposeResult:
        yield OptionList(*(Option(Text(value)) for value in self._values))
        if self._any_text:
            yield Input(placeholder="or in your own words")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._values[event.option_index])


class TextDialog(Dialog):
    """A line of text."""

    KEYS = "Enter sends, Esc leaves"

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__(title)
        self._text = text

    def content(self) -> ComposeResult:
        yield Input(self._text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class ConfirmDialog(Dialog):
    """Yes (True) or no."""

    def __init__(self, title: str, yes: str) -> None:
        super().__init__(title)
        self._yes = yes

    def content(self) -> ComposeResult:
        with Horizontal(classes="buttons"):
            yield Button(self._yes, variant="error", id="yes", compact=True)
            yield Button("Cancel", id="no", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes" or None)


class FormDialog(Dialog):
    """A form; answers its values by key. What does not fit is told under its field."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "send", "Send", priority=True)]

    def __init__(self, asked: Interactive) -> None:
        super().__init__(asked.description or "The app asks")
        self._fields = asked.fields

    def content(self) -> ComposeResult:
        with VerticalScroll(classes="fields", can_focus=False):
            for at, field in enumerate(self._fields):
                proposed = ", ".join(option.key for option in field.options) if field.type == "ask" else ""
                about = "; ".join(filter(None, (field.description, hint(field), proposed)))
                with Vertical(classes="field"):
                    yield Label(f"{field.label or field.key}{' *' if field.required else ''}", markup=False)
                    if about:
                        yield Static(about, classes="about", markup=False)
                    yield field_widget(field, f"field{at}")
                    wrong = Static(classes="wrong", id=f"wrong{at}", markup=False)
                    wrong.display = False
                    yield wrong
        with Horizontal(classes="buttons"):
            yield Button("Send (Ctrl-S)", variant="primary", id="send", compact=True)
            yield Button("Cancel", id="cancel", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "send":
            self.action_send()
        else:
            self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def action_send(self) -> None:
        values: dict[str, Any] = {}
        wrong: list[Widget] = []
        for at, field in enumerate(self._fields):
            widget, told = self.query_one(f"#field{at}"), self.query_one(f"#wrong{at}", Static)
            try:
                values[field.key] = read_field(field, widget_value(widget))
                told.display = False
            except ArgumentError as error:
                told.update(str(error))
                told.display = True
                wrong.append(widget)
        if wrong:
            wrong[0].focus()
            return
        self.dismiss({key: value for key, value in values.items() if value is not None})


def field_widget(field: FormField, id: str) -> Widget:  # noqa: A002
    """What a field of this kind is filled in with."""
    default = "" if field.defaultValue in (None, []) else field.defaultValue
    offered = [(option.key, option.value) for option in field.options]
    match field.type:
        case "switch":
            return Switch(value=str(default).lower() == "true", id=id)
        case "select":
            known = default in [value for _, value in offered]
            return Select(offered, value=default if known else Select.NULL, id=id)
        case "multipleSelect":
            chosen = _json.as_list(default)
            return SelectionList[str](*((label, value, value in chosen) for label, value in offered), id=id)
        case "textarea" | "JSONEditor":
            return TextArea(str(default), id=id, tab_behavior="focus", compact=True)
        case _:
            return Input(str(default), password=field.type == "password", id=id)


def widget_value(widget: Widget) -> object:
    """What was filled in."""
    if isinstance(widget, SelectionList):
        return list(cast("SelectionList[str]", widget).selected)
    if isinstance(widget, Select):
        chosen = cast("Select[str]", widget)
        return "" if chosen.is_blank() else chosen.value
    if isinstance(widget, TextArea):
        return widget.text
    return widget.value if isinstance(widget, (Switch, Input)) else None
