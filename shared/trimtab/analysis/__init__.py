"""Demand → Finding or Refusal: packing, backtest, rightsizing. Pure; numpy inside, records at the door."""
