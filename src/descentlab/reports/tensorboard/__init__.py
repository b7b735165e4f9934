"""What TensorBoard shows beside what a run logs: pictures of it, and a sweep as a whole."""
