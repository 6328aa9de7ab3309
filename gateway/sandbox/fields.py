"""Field types of what a caller writes, each described by what the field must be."""

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

Text = Annotated[str, Field(min_length=1, description="a string that is not empty")]
Texts = Annotated[tuple[Text, ...], Field(description="a list of strings that are not empty")]
Digits = Annotated[str, Field(pattern="^[0-9]+$", description="an id, digits only")]
Flag = Annotated[bool, Field(strict=True, description="true or false")]
Count = Annotated[int, Field(strict=True, ge=1, description="a whole number, 1 or more")]
Seconds = Annotated[float, Field(strict=True, ge=0, description="a number of seconds, 0 or more")]


def explain_error(form: type[BaseModel], error: ValidationError) -> str:
    """Return in one sentence what the first wrong field must be, without its value."""
    name = str(error.errors()[0]["loc"][0])
    return f"{name} must be {form.model_fields[name].description}."
