package compat;
class Cases { }
