"""The catalogue's systems as a table that leaves and comes back: CSV and XLSX."""
