// A district: the data outlives the loss of a data centre, the portal answers at once, and a group of
// people works with it.
using 'main.bicep'

param instanceMemoryMB = 2048
param storageRedundancy = 'Standard_ZRS'
param alwaysReady = [
  { name: 'http', instanceCount: 1 }
]

param operatorId = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', '')
param operatorType = readEnvironmentVariable('ROLLCALL_OPERATOR_TYPE', 'Group')
param portalClientId = readEnvironmentVariable('ROLLCALL_PORTAL_CLIENT_ID', '')
param alertEmails = filter(split(readEnvironmentVariable('ROLLCALL_ALERT_EMAILS', ''), ','), address => !empty(address))
param sheetKeyName = readEnvironmentVariable('ROLLCALL_SHEET_KEY_NAME', '')
