// A trial: the smallest that does everything, at next to no cost. Nothing is always ready, the data
// has three copies in one data centre, logs are kept for a month.
using 'main.bicep'

param instanceMemoryMB = 2048
param storageRedundancy = 'Standard_LRS'
param logDays = 30
param recoveryDays = 7

param operatorId = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', '')
param operatorType = readEnvironmentVariable('ROLLCALL_OPERATOR_TYPE', 'User')
param portalClientId = readEnvironmentVariable('ROLLCALL_PORTAL_CLIENT_ID', '')
param alertEmails = filter(split(readEnvironmentVariable('ROLLCALL_ALERT_EMAILS', ''), ','), address => !empty(address))
