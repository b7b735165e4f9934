"""What TensorBoard shows of a sweep beside its jobs."""
