"""sympy at work: signs, linear forms, simplification. Nothing outside this folder imports sympy."""
