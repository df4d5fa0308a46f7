"""What every group of settings is: frozen, strict about names, its defaults checked like what is given."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

MIB = 1 << 20


class Group(BaseModel):
    """Settings about one thing; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
