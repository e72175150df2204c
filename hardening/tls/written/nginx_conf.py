"""tls/nginx.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3904377541
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_listen_ssl = resolve('listen_ssl')
        l_0_protocols = resolve('protocols')
        l_0_job = resolve('job')
        l_0_curves = resolve('curves')
        l_0_tickets = resolve('tickets')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/nginx.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'server {\nlisten '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield str((' ssl' if (undefined(name='listen_ssl') if l_0_listen_ssl is missing else l_0_listen_ssl) else cond_expr_undefined("the inline if-expression on line 4 in 'tls/nginx.conf.j2' evaluated to false and no else section was defined.")))
            yield ';\n'
            if (not (undefined(name='listen_ssl') if l_0_listen_ssl is missing else l_0_listen_ssl)):
                pass
                yield 'ssl on;\n'
            yield 'server_name '
            yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'server_name') or 'localhost'))
            yield ';\nssl_certificate '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield ';\nssl_certificate_key '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield ';\n'
        yield 'ssl_protocols '
        yield str(t_1(context.eval_ctx, (undefined(name='protocols') if l_0_protocols is missing else l_0_protocols), ' '))
        yield ';\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'ssl_ciphers '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield ';\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'ssl_conf_command Ciphersuites '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield ';\n'
        yield 'ssl_prefer_server_ciphers '
        yield str(('on' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'off'))
        yield ';\n'
        if (undefined(name='curves') if l_0_curves is missing else l_0_curves):
            pass
            yield 'ssl_ecdh_curve '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield ';\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signatures'):
            pass
            yield 'ssl_conf_command SignatureAlgorithms '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signature_string'))
            yield ';\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield 'ssl_dhparam '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield ';\n'
        if (undefined(name='tickets') if l_0_tickets is missing else l_0_tickets):
            pass
            yield 'ssl_session_tickets off;\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield '}\n'

    return root
