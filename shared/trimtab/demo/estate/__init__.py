"""The bundled estate: six clusters whose demand is replayed from public traces, so that `trimtab demo` runs offline.

What is real: CPU use (50 VMs of a hosting company, 28 days, replayed), GPU queues (teams of a research cluster, 21 days, replayed and
scaled to each pool), list prices, and the FOCUS sample. What is made: names, memory, GPU activity and GPU memory, the savings plan's
discount, and the prices of volumes, traffic, taxes and support. `demo/data/README.md` says where each comes from.
"""
