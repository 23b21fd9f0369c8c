"""Patients' data under Brazil's LGPD: kept for a while, deleted, handed out, and seen by whom."""
