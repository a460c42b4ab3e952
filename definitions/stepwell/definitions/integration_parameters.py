"""What the APIs behind optimized integrations take. Written by contrib/integration_parameters.py.

For each action its parameters: `!` stands behind one that is required, `:` before the kind of value it takes: `l` an
array, `m` an object, `n` a number, `b` a boolean; whatever has none is a text, a moment or bytes.
"""

from collections.abc import Mapping

PARAMETERS: Mapping[str, str] = {
    "athena:startQueryExecution": (
        "QueryString! ClientRequestToken QueryExecutionContext:m ResultConfiguration:m WorkGroup "
        "ExecutionParameters:l ResultReuseConfiguration:m EngineConfiguration:m"
    ),
    "athena:stopQueryExecution": "QueryExecutionId",
    "athena:getQueryExecution": "QueryExecutionId!",
    "athena:getQueryResults": "QueryExecutionId! NextToken MaxResults:n QueryResultType",
    "batch:submitJob": (
        "JobName! JobQueue! ShareIdentifier SchedulingPriorityOverride:n ArrayProperties:m DependsOn:l "
        "JobDefinition! Parameters:m ContainerOverrides:m NodeOverrides:m RetryStrategy:m PropagateTags:b Timeout:m "
        "Tags:m EksPropertiesOverride:m EcsPropertiesOverride:m ConsumableResourcePropertiesOverride:m"
    ),
    "bedrock:createModelCustomizationJob": (
        "JobName! CustomModelName! RoleArn! ClientRequestToken BaseModelIdentifier! CustomizationType "
        "CustomModelKmsKeyId JobTags:l CustomModelTags:l TrainingDataConfig!:m ValidationDataConfig:m "
        "OutputDataConfig!:m HyperParameters:m VpcConfig:m CustomizationConfig:m"
    ),
    "codebuild:startBuild": (
        "ProjectName! SecondarySourcesOverride:l SecondarySourcesVersionOverride:l SourceVersion "
        "ArtifactsOverride:m SecondaryArtifactsOverride:l EnvironmentVariablesOverride:l SourceTypeOverride "
        "SourceLocationOverride SourceAuthOverride:m GitCloneDepthOverride:n GitSubmodulesConfigOverride:m "
        "BuildspecOverride InsecureSslOverride:b ReportBuildStatusOverride:b BuildStatusConfigOverride:m "
        "EnvironmentTypeOverride ImageOverride ComputeTypeOverride CertificateOverride CacheOverride:m "
        "ServiceRoleOverride PrivilegedModeOverride:b TimeoutInMinutesOverride:n QueuedTimeoutInMinutesOverride:n "
        "EncryptionKeyOverride IdempotencyToken LogsConfigOverride:m RegistryCredentialOverride:m "
        "ImagePullCredentialsTypeOverride DebugSessionEnabled:b FleetOverride:m AutoRetryLimitOverride:n "
        "HostKernelOverride"
    ),
    "codebuild:stopBuild": "Id!",
    "codebuild:batchDeleteBuilds": "Ids!:l",
    "codebuild:batchGetReports": "ReportArns!:l",
    "codebuild:startBuildBatch": (
        "ProjectName! SecondarySourcesOverride:l SecondarySourcesVersionOverride:l SourceVersion "
        "ArtifactsOverride:m SecondaryArtifactsOverride:l EnvironmentVariablesOverride:l SourceTypeOverride "
        "SourceLocationOverride SourceAuthOverride:m GitCloneDepthOverride:n GitSubmodulesConfigOverride:m "
        "BuildspecOverride InsecureSslOverride:b ReportBuildBatchStatusOverride:b EnvironmentTypeOverride "
        "ImageOverride ComputeTypeOverride CertificateOverride CacheOverride:m ServiceRoleOverride "
        "PrivilegedModeOverride:b BuildTimeoutInMinutesOverride:n QueuedTimeoutInMinutesOverride:n "
        "EncryptionKeyOverride IdempotencyToken LogsConfigOverride:m RegistryCredentialOverride:m "
        "ImagePullCredentialsTypeOverride BuildBatchConfigOverride:m DebugSessionEnabled:b"
    ),
    "codebuild:stopBuildBatch": "Id!",
    "codebuild:retryBuildBatch": "Id IdempotencyToken RetryType",
    "codebuild:deleteBuildBatch": "Id!",
    "databrew:startJobRun": "Name!",
    "dynamodb:getItem": (
        "TableName! Key!:m AttributesToGet:l ConsistentRead:b ReturnConsumedCapacity ProjectionExpression "
        "ExpressionAttributeNames:m"
    ),
    "dynamodb:putItem": (
        "TableName! Item!:m Expected:m ReturnValues ReturnConsumedCapacity ReturnItemCollectionMetrics "
        "ConditionalOperator ConditionExpression ExpressionAttributeNames:m ExpressionAttributeValues:m "
        "ReturnValuesOnConditionCheckFailure"
    ),
    "dynamodb:updateItem": (
        "TableName! Key!:m AttributeUpdates:m Expected:m ConditionalOperator ReturnValues ReturnConsumedCapacity "
        "ReturnItemCollectionMetrics UpdateExpression ConditionExpression ExpressionAttributeNames:m "
        "ExpressionAttributeValues:m ReturnValuesOnConditionCheckFailure"
    ),
    "dynamodb:deleteItem": (
        "TableName! Key!:m Expected:m ConditionalOperator ReturnValues ReturnConsumedCapacity "
        "ReturnItemCollectionMetrics ConditionExpression ExpressionAttributeNames:m ExpressionAttributeValues:m "
        "ReturnValuesOnConditionCheckFailure"
    ),
    "ecs:runTask": (
        "CapacityProviderStrategy:l Cluster Count:n EnableECSManagedTags:b EnableExecuteCommand:b Group LaunchType "
        "NetworkConfiguration:m Overrides:m PlacementConstraints:l PlacementStrategy:l PlatformVersion "
        "PropagateTags ReferenceId StartedBy Tags:l TaskDefinition! ClientToken VolumeConfigurations:l"
    ),
    "eks:createCluster": (
        "Name! Version RoleArn! ResourcesVpcConfig!:m KubernetesNetworkConfig:m Logging:m ClientRequestToken Tags:m "
        "EncryptionConfig:l OutpostConfig:m AccessConfig:m BootstrapSelfManagedAddons:b UpgradePolicy:m "
        "ZonalShiftConfig:m RemoteNetworkConfig:m ComputeConfig:m StorageConfig:m DeletionProtection:b "
        "ControlPlaneScalingConfig:m KubeApiServerConfig:m KubeSchedulerConfig:m KubeControllerManagerConfig:m"
    ),
    "eks:deleteCluster": "Name!",
    "eks:createNodegroup": (
        "ClusterName! NodegroupName! ScalingConfig:m DiskSize:n Subnets!:l InstanceTypes:l AmiType RemoteAccess:m "
        "NodeRole! Labels:m Taints:l Tags:m ClientRequestToken LaunchTemplate:m UpdateConfig:m NodeRepairConfig:m "
        "CapacityType Version ReleaseVersion WarmPoolConfig:m"
    ),
    "eks:deleteNodegroup": "ClusterName! NodegroupName!",
    "eks:createFargateProfile": (
        "FargateProfileName! ClusterName! PodExecutionRoleArn! Subnets:l Selectors:l ClientRequestToken Tags:m"
    ),
    "eks:deleteFargateProfile": "ClusterName! FargateProfileName!",
    "emr-containers:createVirtualCluster": (
        "Name! ContainerProvider!:m ClientToken Tags:m SecurityConfigurationId SessionEnabled:b "
        "SchedulerConfiguration:m"
    ),
    "emr-containers:deleteVirtualCluster": "Id!",
    "emr-containers:startJobRun": (
        "Name VirtualClusterId! ClientToken ExecutionRoleArn ReleaseLabel JobDriver:m ConfigurationOverrides:m "
        "Tags:m JobTemplateId JobTemplateParameters:m RetryPolicyConfiguration:m"
    ),
    "emr-serverless:createApplication": (
        "Name ReleaseLabel! Type! ClientToken InitialCapacity:m MaximumCapacity:m Tags:m AutoStartConfiguration:m "
        "AutoStopConfiguration:m NetworkConfiguration:m Architecture ImageConfiguration:m "
        "WorkerTypeSpecifications:m RuntimeConfiguration:l MonitoringConfiguration:m DiskEncryptionConfiguration:m "
        "InteractiveConfiguration:m SchedulerConfiguration:m IdentityCenterConfiguration:m "
        "JobLevelCostAllocationConfiguration:m"
    ),
    "emr-serverless:startApplication": "ApplicationId!",
    "emr-serverless:stopApplication": "ApplicationId!",
    "emr-serverless:deleteApplication": "ApplicationId!",
    "emr-serverless:startJobRun": (
        "ApplicationId! ClientToken ExecutionRoleArn! ExecutionIamPolicy:m JobDriver:m ConfigurationOverrides:m "
        "Tags:m ExecutionTimeoutMinutes:n Name Mode RetryPolicy:m FlexExecution:m"
    ),
    "emr-serverless:cancelJobRun": "ApplicationId! JobRunId! ShutdownGracePeriodInSeconds:n",
    "events:putEvents": "Entries!:l EndpointId",
    "glue:startJobRun": (
        "JobName! JobRunQueuingEnabled:b JobRunId Arguments:m AllocatedCapacity:n Timeout:n MaxCapacity:n "
        "SecurityConfiguration NotificationProperty:m WorkerType NumberOfWorkers:n ExecutionClass "
        "ExecutionRoleSessionPolicy"
    ),
    "lambda:invoke": (
        "FunctionName! InvocationType LogType ClientContext DurableExecutionName Payload Qualifier TenantId"
    ),
    "mediaconvert:createJob": (
        "AccelerationSettings:m BillingTagsSource ClientRequestToken ElementalInferenceSettings:m HopDestinations:l "
        "JobEngineVersion JobTemplate Priority:n Queue Role! Settings!:m SimulateReservedQueue StatusUpdateInterval "
        "Tags:m UserMetadata:m"
    ),
    "sagemaker:createTrainingJob": (
        "TrainingJobName! HyperParameters:m AlgorithmSpecification:m RoleArn! InputDataConfig:l OutputDataConfig!:m "
        "ResourceConfig:m VpcConfig:m StoppingCondition:m Tags:l EnableNetworkIsolation:b "
        "EnableInterContainerTrafficEncryption:b EnableManagedSpotTraining:b CheckpointConfig:m DebugHookConfig:m "
        "DebugRuleConfigurations:l TensorBoardOutputConfig:m ExperimentConfig:m ProfilerConfig:m "
        "ProfilerRuleConfigurations:l Environment:m RetryStrategy:m RemoteDebugConfig:m InfraCheckConfig:m "
        "SessionChainingConfig:m ServerlessJobConfig:m MlflowConfig:m ModelPackageConfig:m"
    ),
    "sagemaker:createTransformJob": (
        "TransformJobName! ModelName! MaxConcurrentTransforms:n ModelClientConfig:m MaxPayloadInMB:n BatchStrategy "
        "Environment:m TransformInput!:m TransformOutput!:m DataCaptureConfig:m TransformResources!:m "
        "DataProcessing:m Tags:l ExperimentConfig:m"
    ),
    "sagemaker:createProcessingJob": (
        "ProcessingInputs:l ProcessingOutputConfig:m ProcessingJobName! ProcessingResources!:m StoppingCondition:m "
        "AppSpecification!:m Environment:m NetworkConfig:m RoleArn! Tags:l ExperimentConfig:m"
    ),
    "sagemaker:createHyperParameterTuningJob": (
        "HyperParameterTuningJobName! HyperParameterTuningJobConfig!:m TrainingJobDefinition:m "
        "TrainingJobDefinitions:l WarmStartConfig:m Tags:l Autotune:m"
    ),
    "sagemaker:createLabelingJob": (
        "LabelingJobName! LabelAttributeName! InputConfig!:m OutputConfig!:m RoleArn! LabelCategoryConfigS3Uri "
        "StoppingConditions:m LabelingJobAlgorithmsConfig:m HumanTaskConfig!:m Tags:l"
    ),
    "sagemaker:createModel": (
        "ModelName! PrimaryContainer:m Containers:l InferenceExecutionConfig:m ExecutionRoleArn Tags:l VpcConfig:m "
        "EnableNetworkIsolation:b"
    ),
    "sagemaker:createEndpoint": "EndpointName! EndpointConfigName! DeploymentConfig:m Tags:l",
    "sagemaker:createEndpointConfig": (
        "EndpointConfigName! ProductionVariants!:l DataCaptureConfig:m Tags:l KmsKeyId AsyncInferenceConfig:m "
        "ExplainerConfig:m ShadowProductionVariants:l ExecutionRoleArn VpcConfig:m EnableNetworkIsolation:b "
        "MetricsConfig:m CrossRegionTrafficConfig:m"
    ),
    "sagemaker:updateEndpoint": (
        "EndpointName! EndpointConfigName! RetainAllVariantProperties:b ExcludeRetainedVariantProperties:l "
        "DeploymentConfig:m RetainDeploymentConfig:b"
    ),
    "sns:publish": (
        "TopicArn TargetArn PhoneNumber Message! Subject MessageStructure MessageAttributes:m "
        "MessageDeduplicationId MessageGroupId"
    ),
    "sqs:sendMessage": (
        "QueueUrl! MessageBody! DelaySeconds:n MessageAttributes:m MessageSystemAttributes:m MessageDeduplicationId "
        "MessageGroupId"
    ),
}
