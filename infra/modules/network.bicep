metadata description = 'A virtual network for the app, private endpoints for storage and vault, and one outbound address that a student information system can allow.'

@description('Where the network is made.')
param location string

@description('Tags.')
param tags object

@description('Name of the virtual network.')
param name string

@description('Address range of the network, a /24 or larger that is used nowhere else.')
param addressPrefix string

@description('Name of the storage account.')
param storageName string

@description('Name of the Key Vault.')
param vaultName string

var services = [
  { group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
  { group: 'queue', zone: 'privatelink.queue.${environment().suffixes.storage}' }
  { group: 'table', zone: 'privatelink.table.${environment().suffixes.storage}' }
  // The suffix of Key Vault begins with a dot, and its private zone is named differently.
  { group: 'vault', zone: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}' }
]

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource outboundAddress 'Microsoft.Network/publicIPAddresses@2025-01-01' = {
  name: 'pip-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Regional' }
  properties: { publicIPAllocationMethod: 'Static', publicIPAddressVersion: 'IPv4' }
}

// Networks have no way out by default, and the app must reach Microsoft Graph:
// https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access
resource gateway 'Microsoft.Network/natGateways@2025-01-01' = {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { idleTimeoutInMinutes: 10, publicIpAddresses: [{ id: outboundAddress.id }] }
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2025-01-01' = {
  name: 'nsg-endpoints-${name}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'https-from-the-app'
        properties: {
          access: 'Allow'
          description: 'The app reaches storage and vault.'
          destinationAddressPrefix: cidrSubnet(addressPrefix, 27, 1)
          destinationPortRange: '443'
          direction: 'Inbound'
          priority: 100
          protocol: 'Tcp'
          sourceAddressPrefix: cidrSubnet(addressPrefix, 27, 0)
          sourcePortRange: '*'
        }
      }
      {
        name: 'nothing-else'
        properties: {
          access: 'Deny'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
          direction: 'Inbound'
          priority: 4096
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
        }
      }
    ]
  }
}

resource appRules 'Microsoft.Network/networkSecurityGroups@2025-01-01' = {
  name: 'nsg-app-${name}'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 27, 0)
          defaultOutboundAccess: false
          delegations: [
            { name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
          natGateway: { id: gateway.id }
          networkSecurityGroup: { id: appRules.id }
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 27, 1)
          defaultOutboundAccess: false
          networkSecurityGroup: { id: endpointRules.id }
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        }
      }
    ]
  }

  resource app 'subnets' existing = { name: 'app' }

  resource endpoints 'subnets' existing = { name: 'endpoints' }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for service in services: {
    name: service.zone
    location: 'global'
    tags: tags
  }
]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (service, i) in services: {
    parent: zone[i]
    name: name
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

resource endpoint 'Microsoft.Network/privateEndpoints@2025-01-01' = [
  for service in services: {
    name: 'pep-${service.group}-${name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: network::endpoints.id }
      privateLinkServiceConnections: [
        {
          name: service.group
          properties: {
            groupIds: [service.group]
            privateLinkServiceId: service.group == 'vault' ? vault.id : storage.id
          }
        }
      ]
    }
  }
]

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-01-01' = [
  for (service, i) in services: {
    parent: endpoint[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: service.group, properties: { privateDnsZoneId: zone[i].id } }]
    }
  }
]

@description('Resource id of the app\'s subnet.')
output appSubnetId string = network::app.id

@description('The public address that the app\'s requests come from.')
output outboundAddress string = outboundAddress.properties.ipAddress
