"""What differs between warehouses: which relations exist and which incarnation each of them is. PostgreSQL first."""
