// What `azd env set NAME value` sets: https://learn.microsoft.com/azure/developer/azure-developer-cli/manage-environment-variables
using 'azd.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param operatorId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param instanceMemoryMB = int(readEnvironmentVariable('ROLLCALL_INSTANCE_MEMORY_MB', '2048'))
param storageRedundancy = readEnvironmentVariable('ROLLCALL_STORAGE_REDUNDANCY', 'Standard_LRS')
param privateNetworking = bool(readEnvironmentVariable('ROLLCALL_PRIVATE_NETWORKING', 'false'))
param allowedAddresses = []
param portalClientId = readEnvironmentVariable('ROLLCALL_PORTAL_CLIENT_ID', '')
param alertEmails = filter(split(readEnvironmentVariable('ROLLCALL_ALERT_EMAILS', ''), ','), address => !empty(address))
param sheetKeyName = readEnvironmentVariable('ROLLCALL_SHEET_KEY_NAME', '')
