def model(dbt, session):
    dbt.config(materialized="python_text", factor=3)
    orders = dbt.ref("stg_orders")
    factor = dbt.config.get("factor")
    return orders * factor
