### dmarc
