"""What turns listings into prices: encodings, the fitted members and their average, intervals, the domain, explanations."""
