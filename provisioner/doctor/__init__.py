"""Diagnoses of workstations and machines, each with a cure."""
