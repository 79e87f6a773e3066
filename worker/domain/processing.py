"""What becomes of a dataset in a basket: filters for its files, or a process (contract, section 4)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from contracts.errors import ErrorKey, Problem, below
from worker.domain import holding
from worker.domain.datasets import FileFilter, Parameter, Processing
from worker.domain.decisions import Refused
from worker.domain.search import patterns

if TYPE_CHECKING:
    from contracts import dataset_commands as commands
    from worker.domain.basket import Basket
    from worker.domain.decisions import Context, Decision

_MAX_PARAMETERS = 100
_MAX_CHARACTERS = 1024
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)  # what is an XML name, too


def set_filters(basket: Basket, command: commands.BasketDatasetSetFilters, context: Context) -> Decision:
    """Set which files of a dataset are ordered; without types and pattern all of them."""
    dataset = holding.find(basket, command.dataset_selection_id)
    if dataset is None:
        return _unknown(command.dataset_selection_id)
    wanted = FileFilter(
        types=tuple(dict.fromkeys(command.file_types or ())), name_pattern=command.file_name_pattern or ""
    )
    if wanted == FileFilter():
        return holding.with_dataset(basket, structs.replace(dataset, filter=None), context)
    problems = []
    pattern = patterns.compile_pattern(wanted.name_pattern) if wanted.name_pattern else None
    if isinstance(pattern, str):
        problems.append(Problem(code=ErrorKey.FILTERS_INVALID, message=pattern, path="$.fileNamePattern"))
    if dataset.processing is not None:
        problems.append(_both("a process is attached: remove it first"))
    if problems:
        return Refused(problems=tuple(problems))
    return holding.with_dataset(basket, structs.replace(dataset, filter=wanted), context)


def set_processing(
    basket: Basket, command: commands.BasketDatasetSetProcessing, context: Context
) -> Decision:
    """Attach a process to a dataset, or remove the one it has."""
    dataset = holding.find(basket, command.dataset_selection_id)
    if dataset is None:
        return _unknown(command.dataset_selection_id)
    if not command.process_business_id:
        return holding.with_dataset(basket, structs.replace(dataset, processing=None), context)
    problems = _parameter_problems(command.parameters)
    if dataset.filter is not None:
        problems.append(_both("a filter is set: remove it first"))
    process_id = command.process_business_id
    if process_id not in context.catalog.processes:
        problems.append(holding.unknown_process(process_id, "$.processBusinessId"))
    if problems:
        return Refused(problems=tuple(problems))
    attached = Processing(process_id=process_id, parameters=_stored(command.parameters or {}))
    dataset = structs.replace(dataset, processing=attached)
    problems = holding.limit_problems(dataset, context.catalog)
    return Refused(problems=tuple(problems)) if problems else holding.with_dataset(basket, dataset, context)


def _unknown(dataset_selection_id: str) -> Refused:
    message = f"the basket holds no dataset selection {dataset_selection_id[:100]!r}"
    path = "$.datasetSelectionId"
    return Refused(problems=(Problem(code=ErrorKey.DATASET_NOT_FOUND, message=message, path=path),))


def _both(message: str) -> Problem:
    return Problem(code=ErrorKey.FILTERS_AND_PROCESSING, message=message)


def _parameter_problems(sent: Any) -> list[Problem]:
    path = "$.parameters"
    if sent in (UNSET, None):
        return []
    if not isinstance(sent, dict) or len(sent) > _MAX_PARAMETERS:
        message = f"an object with at most {_MAX_PARAMETERS} parameters is expected"
        return [Problem(code=ErrorKey.MALFORMED, message=message, path=path)]
    return [
        Problem(
            code=ErrorKey.MALFORMED,
            message="a parameter has a plain name, and a text, a number or a truth value",
            path=below(path, name[:100]),
        )
        for name, value in sent.items()
        if not _NAME.fullmatch(name) or not _is_parameter(value)
    ]


def _stored(parameters: Mapping[str, Any]) -> dict[str, Parameter]:
    """Give the parameters as a document keeps them: decimals as floating point numbers."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in parameters.items()}


def _is_parameter(value: Any) -> bool:
    """Whether a value can be kept: a number beyond all doubles could not be read back."""
    if isinstance(value, (int, Decimal)):
        return -sys.float_info.max <= value <= sys.float_info.max
    return isinstance(value, str) and len(value) <= _MAX_CHARACTERS
