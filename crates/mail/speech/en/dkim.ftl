### dkim
