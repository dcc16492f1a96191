// The names that the app's code knows, and the ids of Azure's own roles.
// A test compares them with the code: a name changed on one side only is found there.

@export()
@description('Containers: what sync/storage.py reads and writes.')
var containers = ['rosters', 'archive', 'runs', 'state', 'config', 'credentials']

@export()
@description('Containers that an operator works with: all but the one with first passwords.')
var operatorContainers = ['rosters', 'archive', 'runs', 'state', 'config']

@export()
@description('The container with the package that the app runs from.')
var packageContainer = 'package'

@export()
@description('Queues, and where the host puts the messages that failed at every try.')
var queues = ['arrivals', 'arrivals-poison', 'runs', 'runs-poison', 'changes', 'changes-poison']

@export()
@description('Queues to which an operator\'s commands send.')
var operatorQueues = ['arrivals', 'runs']

@export()
@description('The queue that hears of each file in the container rosters.')
var arrivalsQueue = 'arrivals'

@export()
@description('Tables.')
var tables = ['runs', 'outcomes', 'approvals']

@export()
@description('Tables that an operator\'s commands write to.')
var operatorTables = ['runs', 'approvals']

@export()
@description('The table of what became of each change, which an operator reads.')
var outcomesTable = 'outcomes'

@export()
@description('Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles')
var roles = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  queueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  tableDataReader: '76199698-9eea-4c19-bc75-cec21354c6b6'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}
