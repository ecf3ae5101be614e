"""One pydantic model per stage; defaults, schema and docs come from them."""
