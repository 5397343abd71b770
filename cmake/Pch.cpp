// Carries a precompiled header: MlirPch.h, DialectsPch.h or TestsPch.h.
