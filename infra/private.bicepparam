// Private networking: storage and vault are closed to the internet, and the app's requests come from
// one address. Who works with Rollcall does so from the virtual network, or from an address below.
using 'main.bicep'

param instanceMemoryMB = 2048
param storageRedundancy = 'Standard_ZRS'
param privateNetworking = true
param addressPrefix = '10.42.0.0/24'
param allowedAddresses = []

param operatorId = readEnvironmentVariable('ROLLCALL_OPERATOR_ID', '')
param operatorType = readEnvironmentVariable('ROLLCALL_OPERATOR_TYPE', 'Group')
param portalClientId = readEnvironmentVariable('ROLLCALL_PORTAL_CLIENT_ID', '')
param alertEmails = filter(split(readEnvironmentVariable('ROLLCALL_ALERT_EMAILS', ''), ','), address => !empty(address))

// A reference to a vault that is closed is not resolved, so the key that seals first passwords is a
// setting: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations
param settings = empty(readEnvironmentVariable('ROLLCALL_CREDENTIALS_KEY', ''))
  ? {}
  : { ROLLCALL_CREDENTIALS_KEY: readEnvironmentVariable('ROLLCALL_CREDENTIALS_KEY', '') }
