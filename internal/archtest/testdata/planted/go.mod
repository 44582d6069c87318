module planted.test

go 1.26.0
