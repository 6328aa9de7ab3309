"""What all parts of a rules file have in common."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from gateway.rules.language.taking import wrong


class Model(BaseModel):
    """Part of a rules file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def keys(cls) -> list[str]:
        """Name the keys as they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Tests(Model):
    """Some tests, of which there must be one at least."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        return self if self.model_fields_set else wrong(f"needs one of {', '.join(self.keys())}")
