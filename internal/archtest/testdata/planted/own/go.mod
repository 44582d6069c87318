module own.test

go 1.26.0
