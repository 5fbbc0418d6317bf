"""The contract's rows, asked of any service that has the interface of `serve`, in a world of real servers around it."""
