"""Pure core: values in, values out, no dbt, server, files or clock."""
