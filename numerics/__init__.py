"""Training, invariants and certificates for any problem of the theory, in float64 on CPU or CUDA."""
