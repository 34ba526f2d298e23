"""Stations in real time: cameras, wires, engine and records around the pure decision core of each."""
